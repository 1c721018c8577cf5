define void @tandem_kernel(i64 %begin, i64 %end, ptr %ptrs, ptr %vals, ptr %scratch, ptr %status) nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" {
entry:
  %s0.p = getelementptr i64, ptr %vals, i64 0
  %s0 = load i64, ptr %s0.p
  %v0 = getelementptr ptr, ptr %ptrs, i64 0
  %v1 = load ptr, ptr %v0
  %v2 = getelementptr ptr, ptr %ptrs, i64 1
  %v3 = load ptr, ptr %v2
  %v4 = getelementptr ptr, ptr %ptrs, i64 2
  %v5 = load ptr, ptr %v4
  %v6 = sub i64 %end, %begin
  %v7 = icmp sgt i64 %v6, 0
  br i1 %v7, label %then9, label %end8
then9:
  %v10 = getelementptr float, ptr %v1, i64 1
  %v11 = getelementptr float, ptr %v3, i64 1
  %v12 = getelementptr float, ptr %v5, i64 1
  %v13 = shl i64 %begin, 1
  %v14 = getelementptr float, ptr %v5, i64 %v13
  %v15 = ptrtoint ptr %v14 to i64
  %v16 = sub i64 0, %v15
  %v17 = and i64 %v16, 63
  %v18 = lshr i64 %v17, 3
  %v19 = sub i64 %end, %begin
  %v20 = and i64 %v15, 7
  %v21 = icmp ne i64 %v20, 0
  %v22 = call i64 @llvm.smin.i64(i64 %v18, i64 %v19)
  %v23 = select i1 %v21, i64 %v19, i64 %v22
  %v24 = add i64 %begin, %v23
  br label %head25
head25:
  %p27 = phi i64 [ %begin, %then9 ], [ %v30, %body29 ]
  %v28 = icmp slt i64 %p27, %v24
  br i1 %v28, label %body29, label %exit26
body29:
  %v30 = add i64 %p27, 1
  %v31 = mul i64 2, %p27
  %v32 = getelementptr float, ptr %v1, i64 %v31
  %v33 = load float, ptr %v32, align 4
  %v34 = mul i64 2, %p27
  %v35 = getelementptr float, ptr %v10, i64 %v34
  %v36 = load float, ptr %v35, align 4
  %v37 = mul i64 2, %p27
  %v38 = getelementptr float, ptr %v3, i64 %v37
  %v39 = load float, ptr %v38, align 4
  %v40 = mul i64 2, %p27
  %v41 = getelementptr float, ptr %v11, i64 %v40
  %v42 = load float, ptr %v41, align 4
  %v43 = fmul float %v36, %v42
  %v44 = fmul float %v33, %v39
  %v45 = fsub float %v44, %v43
  %v46 = fmul float %v36, %v39
  %v47 = fmul float %v33, %v42
  %v48 = fadd float %v47, %v46
  %v49 = mul i64 2, %p27
  %v50 = getelementptr float, ptr %v5, i64 %v49
  %v51 = mul i64 2, %p27
  %v52 = getelementptr float, ptr %v12, i64 %v51
  store float %v45, ptr %v50, align 4
  store float %v48, ptr %v52, align 4
  br label %head25
exit26:
  br label %head53
head53:
  %p55 = phi i64 [ %p27, %exit26 ], [ %v59, %body58 ]
  %v56 = sub i64 %end, 63
  %v57 = icmp slt i64 %p55, %v56
  br i1 %v57, label %body58, label %exit54
body58:
  %v59 = add i64 %p55, 64
  %v60 = mul i64 2, %p55
  %v61 = getelementptr float, ptr %v1, i64 %v60
  %v62 = load <32 x float>, ptr %v61, align 4
  %v63 = shufflevector <32 x float> %v62, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v64 = shufflevector <32 x float> %v62, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v65 = getelementptr float, ptr %v61, i64 32
  %v66 = load <32 x float>, ptr %v65, align 4
  %v67 = shufflevector <32 x float> %v66, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v68 = shufflevector <32 x float> %v66, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v69 = getelementptr float, ptr %v61, i64 64
  %v70 = load <32 x float>, ptr %v69, align 4
  %v71 = shufflevector <32 x float> %v70, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v72 = shufflevector <32 x float> %v70, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v73 = getelementptr float, ptr %v61, i64 96
  %v74 = load <32 x float>, ptr %v73, align 4
  %v75 = shufflevector <32 x float> %v74, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v76 = shufflevector <32 x float> %v74, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v77 = mul i64 2, %p55
  %v78 = getelementptr float, ptr %v10, i64 %v77
  %v79 = mul i64 2, %p55
  %v80 = getelementptr float, ptr %v3, i64 %v79
  %v81 = load <32 x float>, ptr %v80, align 4
  %v82 = shufflevector <32 x float> %v81, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v83 = shufflevector <32 x float> %v81, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v84 = getelementptr float, ptr %v80, i64 32
  %v85 = load <32 x float>, ptr %v84, align 4
  %v86 = shufflevector <32 x float> %v85, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v87 = shufflevector <32 x float> %v85, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v88 = getelementptr float, ptr %v80, i64 64
  %v89 = load <32 x float>, ptr %v88, align 4
  %v90 = shufflevector <32 x float> %v89, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v91 = shufflevector <32 x float> %v89, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v92 = getelementptr float, ptr %v80, i64 96
  %v93 = load <32 x float>, ptr %v92, align 4
  %v94 = shufflevector <32 x float> %v93, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v95 = shufflevector <32 x float> %v93, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v96 = mul i64 2, %p55
  %v97 = getelementptr float, ptr %v11, i64 %v96
  %v98 = fmul <16 x float> %v64, %v83
  %v99 = fmul <16 x float> %v68, %v87
  %v100 = fmul <16 x float> %v72, %v91
  %v101 = fmul <16 x float> %v76, %v95
  %v102 = fmul <16 x float> %v63, %v82
  %v103 = fmul <16 x float> %v67, %v86
  %v104 = fmul <16 x float> %v71, %v90
  %v105 = fmul <16 x float> %v75, %v94
  %v106 = fsub <16 x float> %v102, %v98
  %v107 = fsub <16 x float> %v103, %v99
  %v108 = fsub <16 x float> %v104, %v100
  %v109 = fsub <16 x float> %v105, %v101
  %v110 = fmul <16 x float> %v64, %v82
  %v111 = fmul <16 x float> %v68, %v86
  %v112 = fmul <16 x float> %v72, %v90
  %v113 = fmul <16 x float> %v76, %v94
  %v114 = fmul <16 x float> %v63, %v83
  %v115 = fmul <16 x float> %v67, %v87
  %v116 = fmul <16 x float> %v71, %v91
  %v117 = fmul <16 x float> %v75, %v95
  %v118 = fadd <16 x float> %v114, %v110
  %v119 = fadd <16 x float> %v115, %v111
  %v120 = fadd <16 x float> %v116, %v112
  %v121 = fadd <16 x float> %v117, %v113
  %v122 = mul i64 2, %p55
  %v123 = getelementptr float, ptr %v5, i64 %v122
  %v124 = mul i64 2, %p55
  %v125 = getelementptr float, ptr %v12, i64 %v124
  %v126 = shufflevector <16 x float> %v106, <16 x float> %v118, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  store <32 x float> %v126, ptr %v123, align 64, !nontemporal !0
  %v127 = shufflevector <16 x float> %v107, <16 x float> %v119, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  %v128 = getelementptr float, ptr %v123, i64 32
  store <32 x float> %v127, ptr %v128, align 64, !nontemporal !0
  %v129 = shufflevector <16 x float> %v108, <16 x float> %v120, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  %v130 = getelementptr float, ptr %v123, i64 64
  store <32 x float> %v129, ptr %v130, align 64, !nontemporal !0
  %v131 = shufflevector <16 x float> %v109, <16 x float> %v121, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  %v132 = getelementptr float, ptr %v123, i64 96
  store <32 x float> %v131, ptr %v132, align 64, !nontemporal !0
  br label %head53
exit54:
  br label %head133
head133:
  %p135 = phi i64 [ %p55, %exit54 ], [ %v139, %body138 ]
  %v136 = sub i64 %end, 15
  %v137 = icmp slt i64 %p135, %v136
  br i1 %v137, label %body138, label %exit134
body138:
  %v139 = add i64 %p135, 16
  %v140 = mul i64 2, %p135
  %v141 = getelementptr float, ptr %v1, i64 %v140
  %v142 = load <32 x float>, ptr %v141, align 4
  %v143 = shufflevector <32 x float> %v142, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v144 = shufflevector <32 x float> %v142, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v145 = mul i64 2, %p135
  %v146 = getelementptr float, ptr %v10, i64 %v145
  %v147 = mul i64 2, %p135
  %v148 = getelementptr float, ptr %v3, i64 %v147
  %v149 = load <32 x float>, ptr %v148, align 4
  %v150 = shufflevector <32 x float> %v149, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v151 = shufflevector <32 x float> %v149, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v152 = mul i64 2, %p135
  %v153 = getelementptr float, ptr %v11, i64 %v152
  %v154 = fmul <16 x float> %v144, %v151
  %v155 = fmul <16 x float> %v143, %v150
  %v156 = fsub <16 x float> %v155, %v154
  %v157 = fmul <16 x float> %v144, %v150
  %v158 = fmul <16 x float> %v143, %v151
  %v159 = fadd <16 x float> %v158, %v157
  %v160 = mul i64 2, %p135
  %v161 = getelementptr float, ptr %v5, i64 %v160
  %v162 = mul i64 2, %p135
  %v163 = getelementptr float, ptr %v12, i64 %v162
  %v164 = shufflevector <16 x float> %v156, <16 x float> %v159, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  store <32 x float> %v164, ptr %v161, align 64, !nontemporal !0
  br label %head133
exit134:
  br label %head165
head165:
  %p167 = phi i64 [ %p135, %exit134 ], [ %v170, %body169 ]
  %v168 = icmp slt i64 %p167, %end
  br i1 %v168, label %body169, label %exit166
body169:
  %v170 = add i64 %p167, 1
  %v171 = mul i64 2, %p167
  %v172 = getelementptr float, ptr %v1, i64 %v171
  %v173 = load float, ptr %v172, align 4
  %v174 = mul i64 2, %p167
  %v175 = getelementptr float, ptr %v10, i64 %v174
  %v176 = load float, ptr %v175, align 4
  %v177 = mul i64 2, %p167
  %v178 = getelementptr float, ptr %v3, i64 %v177
  %v179 = load float, ptr %v178, align 4
  %v180 = mul i64 2, %p167
  %v181 = getelementptr float, ptr %v11, i64 %v180
  %v182 = load float, ptr %v181, align 4
  %v183 = fmul float %v176, %v182
  %v184 = fmul float %v173, %v179
  %v185 = fsub float %v184, %v183
  %v186 = fmul float %v176, %v179
  %v187 = fmul float %v173, %v182
  %v188 = fadd float %v187, %v186
  %v189 = mul i64 2, %p167
  %v190 = getelementptr float, ptr %v5, i64 %v189
  %v191 = mul i64 2, %p167
  %v192 = getelementptr float, ptr %v12, i64 %v191
  store float %v185, ptr %v190, align 4
  store float %v188, ptr %v192, align 4
  br label %head165
exit166:
  br label %end8
end8:
  ret void
}
!0 = !{i32 1}
!1 = !{!"branch_weights", i32 1, i32 4096}
