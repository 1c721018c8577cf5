define void @tandem_kernel(i64 %begin, i64 %end, ptr %ptrs, ptr %vals, ptr %scratch, ptr %status) nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" {
entry:
  %s0.p = getelementptr i64, ptr %vals, i64 0
  %s0 = load i64, ptr %s0.p
  %s1.p = getelementptr i64, ptr %vals, i64 1
  %s1 = load i64, ptr %s1.p
  %v0 = getelementptr ptr, ptr %ptrs, i64 0
  %v1 = load ptr, ptr %v0
  %v2 = getelementptr ptr, ptr %ptrs, i64 1
  %v3 = load ptr, ptr %v2
  %v4 = getelementptr ptr, ptr %ptrs, i64 2
  %v5 = load ptr, ptr %v4
  %v6 = getelementptr ptr, ptr %ptrs, i64 3
  %v7 = load ptr, ptr %v6
  %v8 = sub i64 %end, %begin
  %v9 = icmp sgt i64 %v8, 0
  br i1 %v9, label %then11, label %end10
then11:
  %v12 = getelementptr float, ptr %v7, i64 %s1
  br label %head13
head13:
  %p15 = phi i64 [ %begin, %then11 ], [ %v19, %body18 ]
  %v16 = sub i64 %end, 63
  %v17 = icmp slt i64 %p15, %v16
  br i1 %v17, label %body18, label %exit14
body18:
  %v19 = add i64 %p15, 64
  %v20 = getelementptr float, ptr %v1, i64 %p15
  %v21 = load <16 x float>, ptr %v20, align 4
  %v22 = getelementptr float, ptr %v20, i64 16
  %v23 = load <16 x float>, ptr %v22, align 4
  %v24 = getelementptr float, ptr %v20, i64 32
  %v25 = load <16 x float>, ptr %v24, align 4
  %v26 = getelementptr float, ptr %v20, i64 48
  %v27 = load <16 x float>, ptr %v26, align 4
  %v28 = getelementptr float, ptr %v3, i64 %p15
  %v29 = load <16 x float>, ptr %v28, align 4
  %v30 = getelementptr float, ptr %v28, i64 16
  %v31 = load <16 x float>, ptr %v30, align 4
  %v32 = getelementptr float, ptr %v28, i64 32
  %v33 = load <16 x float>, ptr %v32, align 4
  %v34 = getelementptr float, ptr %v28, i64 48
  %v35 = load <16 x float>, ptr %v34, align 4
  %v36 = getelementptr float, ptr %v5, i64 %p15
  %v37 = load <16 x float>, ptr %v36, align 4
  %v38 = getelementptr float, ptr %v36, i64 16
  %v39 = load <16 x float>, ptr %v38, align 4
  %v40 = getelementptr float, ptr %v36, i64 32
  %v41 = load <16 x float>, ptr %v40, align 4
  %v42 = getelementptr float, ptr %v36, i64 48
  %v43 = load <16 x float>, ptr %v42, align 4
  %v44 = fmul <16 x float> %v21, %v29
  %v45 = fmul <16 x float> %v23, %v31
  %v46 = fmul <16 x float> %v25, %v33
  %v47 = fmul <16 x float> %v27, %v35
  %v48 = fadd <16 x float> %v44, %v37
  %v49 = fadd <16 x float> %v45, %v39
  %v50 = fadd <16 x float> %v46, %v41
  %v51 = fadd <16 x float> %v47, %v43
  %v52 = getelementptr float, ptr %v12, i64 %p15
  store <16 x float> %v48, ptr %v52, align 4
  %v53 = getelementptr float, ptr %v52, i64 16
  store <16 x float> %v49, ptr %v53, align 4
  %v54 = getelementptr float, ptr %v52, i64 32
  store <16 x float> %v50, ptr %v54, align 4
  %v55 = getelementptr float, ptr %v52, i64 48
  store <16 x float> %v51, ptr %v55, align 4
  br label %head13
exit14:
  br label %head56
head56:
  %p58 = phi i64 [ %p15, %exit14 ], [ %v67, %body60 ]
  %v59 = icmp slt i64 %p58, %end
  br i1 %v59, label %body60, label %exit57
body60:
  %v61 = sub i64 %end, %p58
  %v62 = call i64 @llvm.smin.i64(i64 %v61, i64 16)
  %v63 = trunc i64 %v62 to i32
  %v64 = insertelement <16 x i32> poison, i32 %v63, i32 0
  %v65 = shufflevector <16 x i32> %v64, <16 x i32> poison, <16 x i32> zeroinitializer
  %v66 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v65
  %v67 = add i64 %p58, %v62
  %v68 = getelementptr float, ptr %v1, i64 %p58
  %v69 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v68, i32 4, <16 x i1> %v66, <16 x float> zeroinitializer)
  %v70 = getelementptr float, ptr %v3, i64 %p58
  %v71 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v70, i32 4, <16 x i1> %v66, <16 x float> zeroinitializer)
  %v72 = getelementptr float, ptr %v5, i64 %p58
  %v73 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v72, i32 4, <16 x i1> %v66, <16 x float> zeroinitializer)
  %v74 = fmul <16 x float> %v69, %v71
  %v75 = fadd <16 x float> %v74, %v73
  %v76 = getelementptr float, ptr %v12, i64 %p58
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v75, ptr %v76, i32 4, <16 x i1> %v66)
  br label %head56
exit57:
  br label %end10
end10:
  ret void
}
!0 = !{i32 1}
!1 = !{!"branch_weights", i32 1, i32 4096}
