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
  br label %head13
head13:
  %p15 = phi i64 [ %begin, %then9 ], [ %v19, %body18 ]
  %v16 = sub i64 %end, 63
  %v17 = icmp slt i64 %p15, %v16
  br i1 %v17, label %body18, label %exit14
body18:
  %v19 = add i64 %p15, 64
  %v20 = mul i64 2, %p15
  %v21 = getelementptr float, ptr %v1, i64 %v20
  %v22 = load <32 x float>, ptr %v21, align 4
  %v23 = shufflevector <32 x float> %v22, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v24 = shufflevector <32 x float> %v22, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v25 = getelementptr float, ptr %v21, i64 32
  %v26 = load <32 x float>, ptr %v25, align 4
  %v27 = shufflevector <32 x float> %v26, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v28 = shufflevector <32 x float> %v26, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v29 = getelementptr float, ptr %v21, i64 64
  %v30 = load <32 x float>, ptr %v29, align 4
  %v31 = shufflevector <32 x float> %v30, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v32 = shufflevector <32 x float> %v30, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v33 = getelementptr float, ptr %v21, i64 96
  %v34 = load <32 x float>, ptr %v33, align 4
  %v35 = shufflevector <32 x float> %v34, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v36 = shufflevector <32 x float> %v34, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v37 = mul i64 2, %p15
  %v38 = getelementptr float, ptr %v10, i64 %v37
  %v39 = mul i64 2, %p15
  %v40 = getelementptr float, ptr %v3, i64 %v39
  %v41 = load <32 x float>, ptr %v40, align 4
  %v42 = shufflevector <32 x float> %v41, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v43 = shufflevector <32 x float> %v41, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v44 = getelementptr float, ptr %v40, i64 32
  %v45 = load <32 x float>, ptr %v44, align 4
  %v46 = shufflevector <32 x float> %v45, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v47 = shufflevector <32 x float> %v45, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v48 = getelementptr float, ptr %v40, i64 64
  %v49 = load <32 x float>, ptr %v48, align 4
  %v50 = shufflevector <32 x float> %v49, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v51 = shufflevector <32 x float> %v49, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v52 = getelementptr float, ptr %v40, i64 96
  %v53 = load <32 x float>, ptr %v52, align 4
  %v54 = shufflevector <32 x float> %v53, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v55 = shufflevector <32 x float> %v53, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v56 = mul i64 2, %p15
  %v57 = getelementptr float, ptr %v11, i64 %v56
  %v58 = fmul <16 x float> %v24, %v43
  %v59 = fmul <16 x float> %v28, %v47
  %v60 = fmul <16 x float> %v32, %v51
  %v61 = fmul <16 x float> %v36, %v55
  %v62 = fmul <16 x float> %v23, %v42
  %v63 = fmul <16 x float> %v27, %v46
  %v64 = fmul <16 x float> %v31, %v50
  %v65 = fmul <16 x float> %v35, %v54
  %v66 = fsub <16 x float> %v62, %v58
  %v67 = fsub <16 x float> %v63, %v59
  %v68 = fsub <16 x float> %v64, %v60
  %v69 = fsub <16 x float> %v65, %v61
  %v70 = fmul <16 x float> %v24, %v42
  %v71 = fmul <16 x float> %v28, %v46
  %v72 = fmul <16 x float> %v32, %v50
  %v73 = fmul <16 x float> %v36, %v54
  %v74 = fmul <16 x float> %v23, %v43
  %v75 = fmul <16 x float> %v27, %v47
  %v76 = fmul <16 x float> %v31, %v51
  %v77 = fmul <16 x float> %v35, %v55
  %v78 = fadd <16 x float> %v74, %v70
  %v79 = fadd <16 x float> %v75, %v71
  %v80 = fadd <16 x float> %v76, %v72
  %v81 = fadd <16 x float> %v77, %v73
  %v82 = mul i64 2, %p15
  %v83 = getelementptr float, ptr %v5, i64 %v82
  %v84 = mul i64 2, %p15
  %v85 = getelementptr float, ptr %v12, i64 %v84
  %v86 = shufflevector <16 x float> %v66, <16 x float> %v78, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  store <32 x float> %v86, ptr %v83, align 4
  %v87 = shufflevector <16 x float> %v67, <16 x float> %v79, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  %v88 = getelementptr float, ptr %v83, i64 32
  store <32 x float> %v87, ptr %v88, align 4
  %v89 = shufflevector <16 x float> %v68, <16 x float> %v80, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  %v90 = getelementptr float, ptr %v83, i64 64
  store <32 x float> %v89, ptr %v90, align 4
  %v91 = shufflevector <16 x float> %v69, <16 x float> %v81, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  %v92 = getelementptr float, ptr %v83, i64 96
  store <32 x float> %v91, ptr %v92, align 4
  br label %head13
exit14:
  br label %head93
head93:
  %p95 = phi i64 [ %p15, %exit14 ], [ %v104, %body97 ]
  %v96 = icmp slt i64 %p95, %end
  br i1 %v96, label %body97, label %exit94
body97:
  %v98 = sub i64 %end, %p95
  %v99 = call i64 @llvm.smin.i64(i64 %v98, i64 16)
  %v100 = trunc i64 %v99 to i32
  %v101 = insertelement <16 x i32> poison, i32 %v100, i32 0
  %v102 = shufflevector <16 x i32> %v101, <16 x i32> poison, <16 x i32> zeroinitializer
  %v103 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v102
  %v104 = add i64 %p95, %v99
  %v105 = mul i64 2, %p95
  %v106 = getelementptr float, ptr %v1, i64 %v105
  %v107 = shufflevector <16 x i1> %v103, <16 x i1> poison, <32 x i32> <i32 0, i32 0, i32 1, i32 1, i32 2, i32 2, i32 3, i32 3, i32 4, i32 4, i32 5, i32 5, i32 6, i32 6, i32 7, i32 7, i32 8, i32 8, i32 9, i32 9, i32 10, i32 10, i32 11, i32 11, i32 12, i32 12, i32 13, i32 13, i32 14, i32 14, i32 15, i32 15>
  %v108 = call <32 x float> @llvm.masked.load.v32f32.p0(ptr %v106, i32 4, <32 x i1> %v107, <32 x float> zeroinitializer)
  %v109 = shufflevector <32 x float> %v108, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v110 = shufflevector <32 x float> %v108, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v111 = mul i64 2, %p95
  %v112 = getelementptr float, ptr %v10, i64 %v111
  %v113 = mul i64 2, %p95
  %v114 = getelementptr float, ptr %v3, i64 %v113
  %v115 = shufflevector <16 x i1> %v103, <16 x i1> poison, <32 x i32> <i32 0, i32 0, i32 1, i32 1, i32 2, i32 2, i32 3, i32 3, i32 4, i32 4, i32 5, i32 5, i32 6, i32 6, i32 7, i32 7, i32 8, i32 8, i32 9, i32 9, i32 10, i32 10, i32 11, i32 11, i32 12, i32 12, i32 13, i32 13, i32 14, i32 14, i32 15, i32 15>
  %v116 = call <32 x float> @llvm.masked.load.v32f32.p0(ptr %v114, i32 4, <32 x i1> %v115, <32 x float> zeroinitializer)
  %v117 = shufflevector <32 x float> %v116, <32 x float> poison, <16 x i32> <i32 0, i32 2, i32 4, i32 6, i32 8, i32 10, i32 12, i32 14, i32 16, i32 18, i32 20, i32 22, i32 24, i32 26, i32 28, i32 30>
  %v118 = shufflevector <32 x float> %v116, <32 x float> poison, <16 x i32> <i32 1, i32 3, i32 5, i32 7, i32 9, i32 11, i32 13, i32 15, i32 17, i32 19, i32 21, i32 23, i32 25, i32 27, i32 29, i32 31>
  %v119 = mul i64 2, %p95
  %v120 = getelementptr float, ptr %v11, i64 %v119
  %v121 = fmul <16 x float> %v110, %v118
  %v122 = fmul <16 x float> %v109, %v117
  %v123 = fsub <16 x float> %v122, %v121
  %v124 = fmul <16 x float> %v110, %v117
  %v125 = fmul <16 x float> %v109, %v118
  %v126 = fadd <16 x float> %v125, %v124
  %v127 = mul i64 2, %p95
  %v128 = getelementptr float, ptr %v5, i64 %v127
  %v129 = mul i64 2, %p95
  %v130 = getelementptr float, ptr %v12, i64 %v129
  %v131 = shufflevector <16 x float> %v123, <16 x float> %v126, <32 x i32> <i32 0, i32 16, i32 1, i32 17, i32 2, i32 18, i32 3, i32 19, i32 4, i32 20, i32 5, i32 21, i32 6, i32 22, i32 7, i32 23, i32 8, i32 24, i32 9, i32 25, i32 10, i32 26, i32 11, i32 27, i32 12, i32 28, i32 13, i32 29, i32 14, i32 30, i32 15, i32 31>
  %v132 = shufflevector <16 x i1> %v103, <16 x i1> poison, <32 x i32> <i32 0, i32 0, i32 1, i32 1, i32 2, i32 2, i32 3, i32 3, i32 4, i32 4, i32 5, i32 5, i32 6, i32 6, i32 7, i32 7, i32 8, i32 8, i32 9, i32 9, i32 10, i32 10, i32 11, i32 11, i32 12, i32 12, i32 13, i32 13, i32 14, i32 14, i32 15, i32 15>
  call void @llvm.masked.store.v32f32.p0(<32 x float> %v131, ptr %v128, i32 4, <32 x i1> %v132)
  br label %head93
exit94:
  br label %end8
end8:
  ret void
}
!0 = !{i32 1}
!1 = !{!"branch_weights", i32 1, i32 4096}
